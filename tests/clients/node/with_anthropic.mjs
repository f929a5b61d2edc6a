// @anthropic-ai/sdk: messages whole and streamed, its tool runner, structured output with a zod schema.

import Anthropic from '@anthropic-ai/sdk';
import { betaZodTool } from '@anthropic-ai/sdk/helpers/beta/zod';
import { zodOutputFormat } from '@anthropic-ai/sdk/helpers/zod';
import { z } from 'zod';
import { ASK, HELLO, KEY, LEAVING, ROOT, STRUCTURED, TARGETS, each, raised, tell, user, weather } from './exercise.mjs';

const client = new Anthropic({ baseURL: ROOT, apiKey: KEY });
const Weather = z.object({ city: z.enum(['Oslo']), wet: z.boolean() });
const asked = (model) => ({ model, messages: user(HELLO), max_tokens: 64, temperature: 0 });
const tool = betaZodTool({ name: 'weather', description: 'The weather.', inputSchema: z.object({ city: z.string() }), run: weather });

async function streamed(model) {
  const stream = client.messages.stream(asked(model));
  let text = '';
  stream.on('text', (piece) => (text += piece));
  const final = await stream.finalMessage();
  if (final.content[0].text !== text) throw new Error(JSON.stringify(final));
  return text;
}

async function looped(stream) {
  const runner = client.beta.messages.toolRunner({ model: 'large', messages: user(ASK), max_tokens: 64, tools: [tool], stream });
  return (await runner.runUntilDone()).content[0].text;
}

await tell('@anthropic-ai/sdk', {
  chat: () => each(TARGETS, async (model) => (await client.messages.create(asked(model))).content[0].text),
  stream: () => each(TARGETS, streamed),
  tools: () => each([false, true], looped),
  structured: () =>
    each(STRUCTURED, async (model) => {
      const output_config = { format: zodOutputFormat(Weather) };
      return (await client.messages.parse({ model, messages: user(ASK), max_tokens: 128, output_config })).parsed_output.city;
    }),
  errors: async () => [
    await raised(() => client.messages.create(asked('nobody'))),
    await raised(() => client.messages.create(asked('busy'))),
    await raised(() => client.messages.stream(asked('broken')).finalMessage()),
  ],
  cancel: async () => {
    const stream = client.messages.stream({ ...asked('slow'), messages: user(LEAVING) });
    for await (const event of stream) if (event.type === 'content_block_delta') break;
    return true;
  },
});
