// openai-node: chat completions, the stream and tool runners, `.parse()` with a zod schema.

import OpenAI from 'openai';
import { zodResponseFormat } from 'openai/helpers/zod';
import { z } from 'zod';
import { ASK, BASE, HELLO, KEY, LEAVING, PARAMETERS, STRUCTURED, TARGETS, each, raised, tell, user, weather } from './exercise.mjs';

const client = new OpenAI({ baseURL: BASE, apiKey: KEY });
const chat = client.chat.completions;
const Weather = z.object({ city: z.enum(['Oslo']), wet: z.boolean() });
const run = { name: 'weather', description: 'The weather.', parameters: PARAMETERS, parse: JSON.parse, function: weather };

async function streamed(model) {
  const stream = chat.stream({ model, messages: user(HELLO), temperature: 0, stream_options: { include_usage: true } });
  let text = '';
  for await (const chunk of stream) text += chunk.choices[0]?.delta?.content ?? '';
  const final = await stream.finalChatCompletion();
  if (final.choices[0].message.content !== text || !(final.usage.completion_tokens > 0)) throw new Error(JSON.stringify(final));
  return text;
}

async function responded(model) {
  const stream = client.responses.stream({ model, input: HELLO, temperature: 0 });
  let text = '';
  for await (const event of stream) if (event.type === 'response.output_text.delta') text += event.delta;
  if ((await stream.finalResponse()).output_text !== text) throw new Error(text);
  return text;
}

async function drained(model) {
  for await (const _ of await chat.create({ model, messages: user(HELLO), stream: true }));
}

await tell('openai', {
  chat: () =>
    each(TARGETS, async (model) => (await chat.create({ model, messages: user(HELLO), temperature: 0 })).choices[0].message.content),
  stream: () => each(TARGETS, streamed),
  tools: () =>
    each([false, true], (stream) =>
      chat.runTools({ model: 'large', messages: user(ASK), tools: [{ type: 'function', function: run }], stream }).finalContent()),
  structured: () =>
    each(STRUCTURED, async (model) => {
      const response_format = zodResponseFormat(Weather, 'weather');
      return (await chat.parse({ model, messages: user(ASK), response_format, temperature: 0 })).choices[0].message.parsed.city;
    }),
  responses: async () => {
    const tools = [{ type: 'function', name: 'weather', parameters: PARAMETERS, strict: true }];
    const asked = await client.responses.create({ model: 'large', input: ASK, tools });
    const call = asked.output.find((item) => item.type === 'function_call');
    const output = { type: 'function_call_output', call_id: call.call_id, output: weather(JSON.parse(call.arguments)) };
    const answer = await client.responses.create({ model: 'large', input: [...asked.output, output], previous_response_id: null, tools });
    if (answer.output_text !== 'Heard: Rain in Oslo') throw new Error(JSON.stringify(answer));
    return each(TARGETS, responded);
  },
  errors: async () => [
    await raised(() => chat.create({ model: 'nobody', messages: user(HELLO) })),
    await raised(() => chat.create({ model: 'busy', messages: user(`busy ${LEAVING}`) })),
    await raised(() => drained('broken')),
  ],
  cancel: async () => {
    const stream = await chat.create({ model: 'slow', messages: user(LEAVING), stream: true });
    for await (const _ of stream) break;
    return true;
  },
});
