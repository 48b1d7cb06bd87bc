import type { FastifyInstance, FastifyReply } from 'fastify';
import { AnswerTimeoutError, RequestTimeoutError } from './http-errors.js';
import { sendProblem } from './problem.filter.js';

/**
 * Answers in place of a handler that has not done so when the time is over; what it is at goes on, and nobody hears of it. An
 * answer that has begun may take its time: whoever does not read it is another matter (`httpServer`). Not Fastify's
 * `handlerTimeout`, which cuts answers that have begun and stops to count once a body was read (5.12).
 * @param ms - from the arrival of a request's headers.
 */
export function limitAnswers(fastify: FastifyInstance, ms: number): void {
  const timers = new WeakMap<FastifyReply, NodeJS.Timeout>();
  fastify.addHook('onRequest', (request, reply, done) => {
    const timer = setTimeout(() => {
      // Nobody listens for the end of the answer: one that is a stream has as many listeners as Node takes for no leak.
      if (reply.sent || reply.raw.headersSent || reply.raw.destroyed) return;
      sendProblem(request.raw.complete ? new AnswerTimeoutError() : new RequestTimeoutError(), request, reply);
    }, ms);
    timers.set(reply, timer.unref());
    done();
  });
  // A stream counts as begun before its first byte: a second answer would be written into it.
  fastify.addHook('onSend', (_, reply, payload, done) => {
    clearTimeout(timers.get(reply));
    done(null, payload);
  });
}
