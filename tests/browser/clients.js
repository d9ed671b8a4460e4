/**
 * The clients of others as npm has them, put into a page as their readmes say; bundled by the tests.
 */
import legacy from 'rtcstats/rtcstats.js';
import legacyTrace from 'rtcstats/trace-ws.js';
import jitsi from '@jitsi/rtcstats/rtcstats.js';
import jitsiTrace from '@jitsi/rtcstats/trace-ws.js';
import {ClientMonitor} from '@observertc/client-monitor-js';

/** Seconds go by faster here. */
const INTERVAL = 300;

/**
 * rtcstats 5: wraps RTCPeerConnection, and asks for statistics the way that the browser seems to want.
 *
 * It drops a report while its socket is not open, and later sends only what changed since: on a busy machine a call that
 * began at once would be without its first report for ever.
 */
export async function startLegacy(url) {
  const Real = globalThis.WebSocket;
  const sockets = [];
  globalThis.WebSocket = class extends Real { constructor(...args) { super(...args); sockets.push(this); } };
  const trace = legacyTrace(url);
  globalThis.WebSocket = Real;
  await new Promise((done, failed) => { sockets[0].addEventListener('open', done); sockets[0].addEventListener('error', failed); });
  legacy(trace, INTERVAL, ['']);
  trace('identity', null, {user: 'alice', conference: 'room'});
  return {trace, end: () => trace.close()};
}

/** @jitsi/rtcstats as lib-jitsi-meet uses it. */
export function startJitsi(url) {
  const closed = [];
  const trace = jitsiTrace({endpoint: url, meetingFqn: 'room', onCloseCallback: ({code}) => closed.push(code), useLegacy: false});
  jitsi(trace, {pollInterval: INTERVAL, useLegacy: false, sendSdp: false});
  trace.connect(false);
  trace.identity('identity', null, {confName: 'room', meetingUniqueId: 'room', endpointId: 'alice', displayName: 'Alice'});
  return {trace, closed, end: () => trace.close()};
}

/** client-monitor-js has no transport of its own: the application forwards its samples. */
export function startMonitor(url) {
  const monitor = new ClientMonitor({clientId: 'alice', callId: 'room', collectingPeriodInMs: INTERVAL, samplingPeriodInMs: INTERVAL});
  const socket = new WebSocket(url);
  const waiting = [];
  socket.onopen = () => waiting.splice(0).forEach((text) => socket.send(text));
  monitor.on('sample-created', (sample) => {
    const text = JSON.stringify(sample.clientId ? sample : sample.sample ?? sample);
    socket.readyState === WebSocket.OPEN ? socket.send(text) : waiting.push(text);
  });
  return {monitor, add: (pc) => monitor.addSource(pc), end: () => { monitor.close(); socket.close(1000); }};
}
