/**
 * Reports about one peer connection, for pages without a library that does it.
 */
import {isObject} from './scrub.js';
import {clock, createTrace} from './trace.js';

/** Members that differ, null for those that are gone; undefined where there are none. */
function differ(before, after) {
  let changes;
  for (const name in {...before, ...after}) {
    const value = after[name] ?? null, old = before?.[name];
    const change = isObject(value) ? differ(old, value) : value === old ? undefined : value;
    if (change !== undefined) (changes ??= {})[name] = change;
  }
  return changes;
}

/** What changed from one report to the next: {id: members, or null where it is gone; t: time}. */
function compare(before, after) {
  const t = Math.max(...Object.values(after).map(({timestamp}) => timestamp)), delta = {t};
  for (const id in {...before, ...after}) {
    if (!after[id]) {
      delta[id] = null;
      continue;
    }
    const {timestamp, ...changes} = differ(before[id], after[id]) ?? {};
    // What has the time of the report needs none, and what has not changed but in time is not told.
    const own = after[id].timestamp < t ? {t: after[id].timestamp} : {};
    if (Object.keys(changes)[0] || (timestamp && own.t)) delta[id] = {...changes, ...own};
  }
  return delta;
}

export function createReporter(pc, {url, trace: given, interval = 2000, getUserMedia, ...options} = {}) {
  const trace = given ?? createTrace(options);
  const peer = `PC_${trace.named++}`;
  const end = new AbortController();
  let before = {}, polling, isClosed;

  const listen = (target, type, handler) => target.addEventListener(type, handler, end);

  async function poll() {
    try {
      const after = {};
      for (const {id, ...members} of (await pc.getStats()).values()) if (members.type !== 'certificate') after[id] = members;
      if (isClosed || !Object.keys(after)[0]) return;
      trace('getStats', peer, compare(before, after));
      before = after;
    } catch { /* the next one may go better */ }
  }
  /** One after the other, however slow they are. */
  const next = () => polling = Promise.resolve(polling).then(poll);

  async function close() {
    clearInterval(timer);
    end.abort();
    await next();
    if (isClosed) return;
    isClosed = true;
    trace('close', peer);
    if (!given) trace.close();
  }

  // Of who comes late, everything is counted but the setup, which was not seen.
  if (pc.connectionState === 'new') trace('create', peer, pc.getConfiguration?.());
  else trace('base', peer, {t: clock()}, pc.connectionState);
  for (const what of ['connection', 'iceConnection', 'iceGathering', 'signaling']) {
    const state = `${what}State`, type = `${state.toLowerCase()}change`;
    listen(pc, type, () => trace(`on${type}`, peer, pc[state]));
  }
  listen(pc, 'connectionstatechange', next);
  for (const type of ['icecandidate', 'icecandidateerror']) {
    listen(pc, type, (event) => trace(`on${type}`, peer, event.candidate ?? event));
  }
  listen(pc, 'track', ({track}) => {
    trace('ontrack', peer, [track.kind, track.id]);
    for (const type of ['mute', 'unmute']) listen(track, type, () => trace(`MediaStreamTrack.on${type}`, peer, track.id));
  });
  if (getUserMedia) end.signal.onabort = wrapGetUserMedia(trace);
  if (url) trace.connect(url);
  const timer = setInterval(() => pc.signalingState === 'closed' ? close() : next(), interval);
  return {trace, peer, close};
}

/** Tell how getUserMedia fares; gives back what undoes it. */
export function wrapGetUserMedia(trace, devices = navigator.mediaDevices) {
  const native = devices?.getUserMedia, method = 'navigator.mediaDevices.getUserMedia';
  if (!native) return () => {};
  let calls = 0;
  const wrapped = devices.getUserMedia = function (...args) {
    const call = `60-${calls++}`, result = native.apply(this, args);
    trace(method, null, args[0], call);
    result.then(
      (stream) => trace(`${method}OnSuccess`, null, stream.getTracks().map(({kind, id}) => [kind, id]), call),
      (error) => trace(`${method}OnFailure`, null, error.name, call),
    );
    return result;
  };
  return () => { if (devices.getUserMedia === wrapped) devices.getUserMedia = native; };
}
