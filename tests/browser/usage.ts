// What a typed page writes; compiled by the tests, never run.
import {createReporter, createTrace, wrapGetUserMedia, type Reporter, type Trace, type TraceStatus} from '../../clients/js/index.js';

const trace: Trace = createTrace({onerror: (reason: unknown) => console.warn(reason), spread: 5000});
trace.connect(async () => `wss://rtc.example.com/?rtcstats-token=${await fetch('/token').then((answer) => answer.text())}`);
trace('getStats', 'PC_0', {}, 'connected-0');
trace(':userRating', null, {stars: 4});

const reporter: Reporter = createReporter(new RTCPeerConnection(), {trace, interval: 5000});
const own: Reporter = createReporter(new RTCPeerConnection(), {url: 'wss://rtc.example.com/', getUserMedia: true});
const undo: () => void = wrapGetUserMedia(trace);
const status: TraceStatus = trace.status();
const {pending, dropped}: {pending: number; dropped: number} = status;

export const done: Promise<void> = reporter.close().then(() => own.close()).then(undo);
export {pending, dropped};

// @ts-expect-error - an address is a string
trace.connect(17);
// @ts-expect-error - what is reported on is a peer connection
createReporter({});
