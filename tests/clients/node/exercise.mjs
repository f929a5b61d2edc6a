// What the programs share: where to ask, what to ask, and how they tell what came of it (as ../python/exercise.py does).

import { readFileSync } from 'node:fs';

export const ROOT = process.env.CLIENT_ROOT_URL;
export const BASE = `${ROOT}/v1`;
export const KEY = 'unused';
export const TARGETS = ['small', 'large'];
export const STRUCTURED = ['seeded', 'large'];
export const HELLO = 'Hello';
export const ASK = 'What is the weather in Oslo?';
export const LEAVING = process.env.CLIENT_NAME;
export const PARAMETERS = {
  type: 'object',
  properties: { city: { type: 'string' } },
  required: ['city'],
  additionalProperties: false,
};

export const user = (content) => [{ role: 'user', content }];
export const weather = ({ city }) => `Rain in ${city}`;

// One after the other: each exercise is a promise of its own.
export async function each(items, ask) {
  const said = [];
  for (const item of items) said.push(await ask(item));
  return said;
}

export async function raised(exercise) {
  try {
    return `nothing: ${JSON.stringify(await exercise())}`;
  } catch (error) {
    if (!(error instanceof Error)) return String(error?.code ?? error);
    return error.name === 'Error' ? error.constructor.name : error.name;
  }
}

export async function tell(name, exercises) {
  const told = {};
  for (const [exercise, run] of Object.entries(exercises)) {
    try {
      told[exercise] = await run();
    } catch (error) {
      told[exercise] = `${error.constructor.name}: ${error.message}`;
    }
  }
  const { version } = JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url)));
  console.log(JSON.stringify({ version, told }));
  process.exit(0);
}
