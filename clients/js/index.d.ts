/** What a trace is doing. */
export interface TraceStatus {
  /** The name of this page load: sent to the exporter, and used as session and participant where nothing else names them. */
  client: string;
  connected: boolean;
  /** Numbers of the newest frame that was sent, and of the newest that was acknowledged. */
  sent: number;
  acked: number;
  /** Frames that are kept because they are not acknowledged. */
  pending: number;
  /** Frames that were given up: more than 1,000 waited, or one was too long. */
  dropped: number;
}

export interface TraceOptions {
  /** Told what went wrong: an Error, or 1008 when the token of a fixed address is refused and nothing more is tried. */
  onerror?: (reason: unknown) => void;
  /** Milliseconds over which the first reconnects of many clients are spread; 10,000. */
  spread?: number;
}

/** An address, or what gives one each time a connection is made: tokens expire. */
export type Address = string | (() => string | Promise<string>);

/** A trace as rtcstats-js takes one. It never throws. */
export interface Trace {
  (method: string, peer: string | null | {__rtcStatsId?: string}, value?: unknown, ...extra: unknown[]): void;
  /** Connect, and come back whenever the connection is lost. */
  connect(address: Address): void;
  /** Send what waits and end. */
  close(): void;
  status(): TraceStatus;
  /** Peer connections that reporters have named. */
  named: number;
}

export function createTrace(options?: TraceOptions): Trace;

export interface ReporterOptions extends TraceOptions {
  /** Where the exporter is; a trace of its own is made. */
  url?: Address;
  /** A trace that several peer connections of a page share; whoever made it connects and closes it. */
  trace?: Trace;
  /** Milliseconds between two reports; 2,000. */
  interval?: number;
  /** Whether to tell how getUserMedia fares, too. */
  getUserMedia?: boolean;
}

export interface Reporter {
  trace: Trace;
  /** The name of the peer connection on the wire. */
  peer: string;
  /** Send a last report and end; to be called before the peer connection is closed. */
  close(): Promise<void>;
}

/** Report about a peer connection: its statistics, states, candidates, tracks. */
export function createReporter(pc: RTCPeerConnection, options?: ReporterOptions): Reporter;

/** Tell how getUserMedia fares; gives back what undoes it. */
export function wrapGetUserMedia(trace: Trace, devices?: MediaDevices): () => void;
