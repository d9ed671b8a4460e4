/**
 * Drives a real browser for the tests: a line of JSON in is an expression for a page, a line out is its value.
 *
 *     node driver.mjs CHROMIUM FOLDER        FOLDER holds node_modules and what pages import
 */
import {createReadStream, readFileSync} from 'node:fs';
import {createServer} from 'node:http';
import {createRequire} from 'node:module';
import {join, normalize} from 'node:path';
import {createInterface} from 'node:readline';

const [, , executablePath, folder] = process.argv;
const {chromium} = createRequire(join(folder, 'package.json'))('playwright-core');

const TYPES = {html: 'text/html', js: 'text/javascript', mjs: 'text/javascript'};
const server = createServer((request, response) => {
  const path = normalize(new URL(request.url, 'http://localhost').pathname);
  if (path === '/' || path === '/page') {
    response.writeHead(200, {'content-type': 'text/html'}).end('<!doctype html><title>test</title>');
    return;
  }
  const file = createReadStream(join(folder, path));
  file.on('open', () => response.writeHead(200, {'content-type': TYPES[path.split('.').pop()] ?? 'text/plain'}));
  file.on('error', () => response.writeHead(404).end());
  file.pipe(response);
});
await new Promise((done) => server.listen(0, '127.0.0.1', done));
const origin = `http://127.0.0.1:${server.address().port}`;

const browser = await chromium.launch({
  executablePath,
  args: [
    '--no-sandbox', '--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream', '--disable-gpu',
    '--autoplay-policy=no-user-gesture-required', '--disable-features=WebRtcHideLocalIpsWithMdns',
    '--disable-background-networking', '--disable-component-update', '--no-first-run',
  ],
});
const context = await browser.newContext({permissions: ['camera', 'microphone']});
const pages = new Map();
const errors = [];

async function page(name) {
  if (!pages.has(name)) {
    const opened = await context.newPage();
    opened.on('pageerror', (error) => errors.push(`${name}: ${error.message}`));
    await opened.goto(`${origin}/page`);
    pages.set(name, opened);
  }
  return pages.get(name);
}

/** Longer than a call takes to connect on a machine with much else to do. */
const PATIENCE = 60_000;

const late = (what) => new Promise((_, no) => setTimeout(() => no(new Error(`not done in time: ${what}`)), PATIENCE).unref());

const COMMANDS = {
  evaluate: async ({page: name, expression}) => Promise.race([(await page(name)).evaluate(expression), late(expression)]),
  close: async ({page: name}) => {
    await (await page(name)).close({runBeforeUnload: false});
    pages.delete(name);
  },
  navigate: async ({page: name}) => (await page(name)).goto('about:blank'),
  errors: async () => errors.splice(0),
  /** Opens an address; what its policy forbids, and what it fetches from elsewhere, are errors. */
  open: async ({page: name, url, scheme, width}) => {
    const opened = await page(name);
    opened.on('console', (message) => {
      const where = message.location().url ?? '';
      // The icon that the browser wants of our own empty page is none of theirs.
      if (message.type() === 'error' && !where.startsWith(origin)) errors.push(`${name}: ${message.text()} ${where}`);
    });
    opened.on('request', (request) => {
      const asked = new URL(request.url());
      if (asked.protocol !== 'data:' && asked.origin !== new URL(url).origin) errors.push(`${name}: asks ${request.url()}`);
    });
    await opened.emulateMedia({colorScheme: scheme ?? 'light'});
    await opened.setViewportSize({width: Number(width ?? 1100), height: 900});
    return (await opened.goto(url)).status();
  },
  /** Presses keys one after the other. */
  press: async ({page: name, keys}) => {
    for (const key of keys.split(' ')) await (await page(name)).keyboard.press(key);
  },
  /** Where a page is, once that is loaded. */
  where: async ({page: name}) => {
    const opened = await page(name);
    await opened.waitForLoadState();
    return opened.url();
  },
  /** What axe finds wrong with what is open: [rule, impact, places]. */
  axe: async ({page: name}) => {
    const opened = await page(name);
    await opened.evaluate(readFileSync(join(folder, 'node_modules', 'axe-core', 'axe.min.js'), 'utf8'));
    const {violations} = await opened.evaluate(() => globalThis.axe.run());
    return violations.map(({id, impact, nodes}) => [id, impact, nodes.map((node) => node.target.join(' '))]);
  },
};

process.stdout.write(`${JSON.stringify({origin, version: browser.version()})}\n`);
for await (const line of createInterface({input: process.stdin})) {
  const {command, ...rest} = JSON.parse(line);
  let answer;
  try {
    answer = {value: (await COMMANDS[command](rest)) ?? null};
  } catch (error) {
    answer = {error: String(error)};
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await browser.close();
server.close();
