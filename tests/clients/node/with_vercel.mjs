// The Vercel AI SDK with @ai-sdk/openai-compatible: text, streams, tools in steps, objects; with @ai-sdk/openai (the
// Responses API) and @ai-sdk/anthropic (the Messages API): streams and tools in steps.

import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { createOpenAI } from '@ai-sdk/openai';
import { createAnthropic } from '@ai-sdk/anthropic';
import { Output, generateText, stepCountIs, streamText, tool } from 'ai';
import { z } from 'zod';
import { ASK, BASE, HELLO, KEY, LEAVING, STRUCTURED, TARGETS, each, raised, tell, weather } from './exercise.mjs';

const shunt = createOpenAICompatible({ name: 'shunt', baseURL: BASE, apiKey: KEY, includeUsage: true, supportsStructuredOutputs: true });
const openai = createOpenAI({ baseURL: BASE, apiKey: KEY });
const anthropic = createAnthropic({ baseURL: BASE, apiKey: KEY });
const Weather = z.object({ city: z.enum(['Oslo']), wet: z.boolean() });
const tools = { weather: tool({ description: 'The weather.', inputSchema: z.object({ city: z.string() }), execute: weather }) };
const quiet = { onError: () => {} };

async function streamed(options) {
  let failure;
  const result = streamText({ ...options, onError: ({ error }) => (failure = error) });
  let text = '';
  for await (const piece of result.textStream) text += piece;
  if (failure) throw failure;
  return text;
}

// Another provider of the SDK: streamed text of both models, and a tool that is called and answered.
async function over(provider) {
  const answered = await streamed({ model: provider('large'), prompt: ASK, tools, stopWhen: stepCountIs(3) });
  if (answered !== 'Heard: Rain in Oslo') throw new Error(answered);
  return each(TARGETS, (name) => streamed({ model: provider(name), prompt: HELLO, temperature: 0 }));
}

await tell('ai', {
  chat: () => each(TARGETS, async (name) => (await generateText({ model: shunt(name), prompt: HELLO, temperature: 0 })).text),
  stream: () => each(TARGETS, (name) => streamed({ model: shunt(name), prompt: HELLO, temperature: 0 })),
  tools: () => {
    const asked = { model: shunt('large'), prompt: ASK, tools, stopWhen: stepCountIs(3) };
    return each([false, true], async (isStream) => (isStream ? streamed(asked) : (await generateText(asked)).text));
  },
  structured: () =>
    each(STRUCTURED, async (name) => {
      const output = Output.object({ schema: Weather });
      return (await generateText({ model: shunt(name), prompt: ASK, output, temperature: 0 })).output.city;
    }),
  responses: () => over(openai),
  messages: () => over(anthropic),
  errors: async () => [
    await raised(() => generateText({ model: shunt('nobody'), prompt: HELLO })),
    await raised(() => generateText({ model: shunt('busy'), prompt: HELLO, maxRetries: 0 })),
    await raised(() => streamed({ model: shunt('broken'), prompt: HELLO })),
  ],
  cancel: async () => {
    const leaving = new AbortController();
    const result = streamText({ model: shunt('slow'), prompt: LEAVING, abortSignal: leaving.signal, ...quiet });
    for await (const piece of result.textStream) if (piece) leaving.abort();
    return true;
  },
});
