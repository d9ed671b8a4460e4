/**
 * The way to the exporter: a trace as rtcstats-js wants one, which comes back when the connection is lost.
 *
 * Every frame has a number. The exporter acknowledges what it has counted and published, and what is not
 * acknowledged is kept and sent again. docs/client-protocol.md of rtc-exporter describes it.
 */
import {isObject, scrubEvent, scrubStats} from './scrub.js';

const PROTOCOL = 'rtc-exporter.v1';
/** Frames that are kept until they are acknowledged, and peer connections that are known. */
const FRAMES = 1000, PEERS = 64;
/** Bytes that a socket may have unsent: beyond, frames wait and reports are merged. */
const STALLED = 1 << 18;
/** Characters of a frame: the exporter takes a megabyte. */
const LONGEST = 3e5;
/** Close codes: the token is bad, and there is no room. */
const DENIED = 1008, FULL = 1013;

/** Take what a report says over into what was known before. */
function merge(into, delta) {
  for (const id in delta) {
    const changes = delta[id];
    if (changes === null) delete into[id];
    if (!isObject(changes)) continue;
    const members = into[id] = {...into[id]};
    for (const name in changes) members[name] = isObject(changes[name]) ? {...members[name], ...changes[name]} : changes[name];
    // An object without a time of its own has that of its report.
    members.t = changes.t ?? delta.t;
  }
  into.t = delta.t ?? into.t;
  return into;
}

/** The clock of statistics, which is not that of dates. */
export const clock = () => performance.timeOrigin + performance.now();

export function createTrace({onerror, spread = 1e4} = {}) {
  const client = crypto.getRandomValues(new Uint32Array(3)).join('-');
  /** Peer connection -> {born, closed: numbers of frames; since: time; state; stats: the report acknowledged last}. */
  const peers = new Map();
  /** Frames that are not acknowledged, oldest first: {seq, row: what is sent, stats: the report in it}. */
  let pending = [];
  let seq = 0, sent = 0, acked = 0, dropped = 0, attempts = 0;
  let target, socket, timer, leaving, isWelcome;

  const fail = (error) => {
    try { onerror?.(error); } catch { /* the page's own */ }
  };
  const guard = (work) => (...args) => {
    try { work(...args); } catch (error) { fail(error); }
  };
  const isLive = (isUrgent) => isWelcome && (isUrgent || socket.bufferedAmount < STALLED);

  /** A report takes over what an earlier one of its peer connection says; one that removes an object stays as it is. */
  function join(later, isFree) {
    const earlier = pending.findLast((frame) => frame.row[0] === 'g' && frame.row[1] === later.row[1]);
    if (!earlier || !isFree(earlier) || [earlier, later].some(({stats}) => Object.values(stats).includes(null))) return;
    later.stats = later.row[2] = merge(merge({}, earlier.stats), later.stats);
    pending.splice(pending.indexOf(earlier), 1);
  }

  function send(...row) {
    const text = JSON.stringify(row);
    text.length < LONGEST ? socket.send(text) : dropped++;
  }

  function flush(isUrgent) {
    let i = pending.length;
    while (i && pending[i - 1].seq > sent) i--;
    for (; i < pending.length && isLive(isUrgent); i++) {
      sent = pending[i].seq;
      send(sent, ...pending[i].row);
    }
  }

  const trace = guard((method, peer, value, ...extra) => {
    peer = peer?.__rtcStatsId ?? peer;
    const isReport = method === 'getStats';
    const stats = isReport || method === 'base' ? scrubStats(value) : undefined;
    const told = stats ? [stats, ...extra] : scrubEvent(method, value, extra);
    const frame = {seq: ++seq, row: [isReport ? 'g' : method, peer, ...told, Date.now()], stats};
    if (peer) {
      if (method === 'create' || !peers.has(peer)) {
        peers.set(peer, {born: seq, since: clock(), state: 'new', stats: {}});
        if (peers.size > PEERS) peers.delete([...peers.keys()][0]);
      }
      const known = peers.get(peer);
      if (method === 'close') known.closed = seq;
      if (method === 'onconnectionstatechange') known.state = told[0];
    }
    // What nobody has is one report; in need of room, the newest two are, though an exporter may have the first.
    if (isReport) join(frame, ({seq}) => seq > sent || pending.length >= FRAMES);
    if (pending.push(frame) > FRAMES) {
      pending.splice(Math.max(0, pending.findIndex(({stats, row}) => !stats && row[0] !== 'create' && row[0] !== 'close')), 1);
      dropped++;
    }
    flush();
  });

  /** All up to the number `ack` is counted, `but` for the reports of these peer connections from their number on. */
  function settle({ack, but}) {
    acked = ack;
    pending = pending.filter(({seq, row, stats}) => {
      const peer = row[1], known = peers.get(peer);
      if (seq > ack || (stats && seq >= but[peer])) return true;
      if (known && stats) merge(known.stats, stats);
      if (known?.closed === seq) peers.delete(peer);
    });
  }

  /** `last` is the newest frame that the exporter has, or 0; with `base` it does not know what the reports build on. */
  function welcome({last, base}) {
    isWelcome = true;
    attempts = 0;
    sent = last;
    for (const [peer, {born, closed, since, state, stats}] of base ? peers : []) {
      // Who is told of its creation, or of its end, needs none.
      if (last ? born > last || closed <= last : pending.some(({seq}) => seq === born)) continue;
      const report = merge({t: since}, stats);
      for (const {seq, row, stats} of pending) if (seq <= sent && row[1] === peer && stats) merge(report, stats);
      send('base', peer, report, state, Date.now());
    }
    flush();
  }

  async function open() {
    clearTimeout(timer);
    const wanted = target;
    try {
      const url = await (typeof wanted === 'function' ? wanted() : wanted);
      if (wanted !== target || socket) return;
      // Who is named nowhere else has this name, and keeps it.
      const mine = socket = new WebSocket(`${url}${url.includes('?') ? '&' : '?'}session=${client}&participant=${client}`, PROTOCOL);
      mine.onopen = guard(() => mine.send(JSON.stringify({client, about: {userAgentData: navigator.userAgentData}})));
      mine.onmessage = guard(({data}) => {
        const told = JSON.parse(data);
        if (mine === socket) (told.ack ? settle : welcome)(told);
      });
      mine.onclose = ({code}) => mine === socket && lose(code);
    } catch (error) {
      fail(error);
      if (wanted === target) lose();
    }
  }

  /** Come back after up to ten seconds, then after 2^n seconds more: an exporter that restarts has many clients. */
  function lose(code) {
    isWelcome = socket = undefined;
    if (code === DENIED && typeof target === 'string') return fail(code);
    timer = setTimeout(open, spread * (Math.random() + Math.min(5, (2 ** attempts - 1) / 10)));
    attempts += code === FULL ? 3 : 1;
  }

  /** The page goes, or comes back as it was. */
  const leave = guard(({type}) => type === 'pagehide' ? flush(true) : socket || open());

  function end() {
    flush(true);
    leaving?.abort();
    clearTimeout(timer);
    socket?.close(1000);
    target = socket = isWelcome = undefined;
  }

  trace.close = guard(end);
  trace.connect = guard((url) => {
    end();
    leaving = new AbortController();
    for (const type of ['pagehide', 'pageshow']) globalThis.addEventListener?.(type, leave, leaving);
    target = url;
    open();
  });
  /** Peer connections that reporters have named: each needs a name of its own. */
  trace.named = 0;
  trace.status = () => ({client, connected: !!isWelcome, sent, acked, pending: pending.length, dropped});
  return trace;
}
