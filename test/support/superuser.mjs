/** One connection of the superuser's, for as long as `work` takes. */
export async function asSuperuser(url, work) {
  const { Client } = await import('pg').then((pg) => pg.default);
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
