/** Bull's keys. The braces keep a queue's keys in one slot of a Redis cluster, where its scripts need them. */
export const QUEUE_PREFIX = '{bull}';

/** A subject's hits under one policy. All in one slot too: a script counts a request under several policies at once. */
export const limitKey = (policy: string, subject: string): string => `{limits}:${policy}:${subject}`;

/** The copy of a user's profile, under the prefix of the user's tenant. */
export const profileKey = (tenant_id: string, user_id: string): string => `t:${tenant_id}:user:${user_id}`;
