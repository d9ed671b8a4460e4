/**
 * A call of a page with itself over loopback, with the browser's fake camera and microphone.
 *
 * It remembers each report that it asked for, as the page's own record: what an exporter has to have counted.
 */

/** Stats types and members that are summed, as the exporter's counters are. */
const SUMS = {
  'inbound-rtp': ['packetsReceived', 'bytesReceived', 'framesDecoded'],
  'outbound-rtp': ['packetsSent', 'bytesSent', 'framesEncoded'],
};

export class Call {
  constructor({Connection = globalThis.RTCPeerConnection} = {}) {
    this.a = new Connection();
    this.b = new Connection();
  }

  async start({audio = true, video = {width: 320, height: 240}} = {}) {
    this.stream = await navigator.mediaDevices.getUserMedia({audio, video});
    const {a, b} = this;
    a.addEventListener('icecandidate', ({candidate}) => candidate && b.addIceCandidate(candidate));
    b.addEventListener('icecandidate', ({candidate}) => candidate && a.addIceCandidate(candidate));
    const media = document.body.appendChild(document.createElement('video'));
    media.muted = true;
    b.addEventListener('track', ({streams}) => { media.srcObject = streams[0]; media.play().catch(() => {}); });
    this.stream.getTracks().forEach((track) => a.addTrack(track, this.stream));
    const connected = Promise.all([a, b].map((pc) => new Promise((done) => pc.addEventListener('connectionstatechange',
      () => pc.connectionState === 'connected' && done()))));
    await a.setLocalDescription(await a.createOffer());
    await b.setRemoteDescription(a.localDescription);
    await b.setLocalDescription(await b.createAnswer());
    await a.setRemoteDescription(b.localDescription);
    await connected;
  }

  /** Silence on the wire: no stream sends, and all that was sent has arrived. */
  async quiet() {
    for (const sender of this.a.getSenders()) {
      const parameters = sender.getParameters();
      parameters.encodings.forEach((encoding) => { encoding.active = false; });
      await sender.setParameters(parameters);
    }
    let before = '';
    for (;;) {
      const now = JSON.stringify(await this.sums());
      if (now === before) return JSON.parse(now);
      before = now;
      await new Promise((done) => setTimeout(done, 300));
    }
  }

  async loud() {
    for (const sender of this.a.getSenders()) {
      const parameters = sender.getParameters();
      parameters.encodings.forEach((encoding) => { encoding.active = true; });
      await sender.setParameters(parameters);
    }
  }

  /** What the page's own getStats says, summed over both ends: {"inbound-rtp audio packetsReceived": 123, ...}. */
  async sums() {
    const sums = {};
    for (const pc of [this.a, this.b]) {
      for (const stats of (await pc.getStats()).values()) {
        for (const member of SUMS[stats.type] ?? []) {
          if (stats[member] === undefined) continue;
          const name = `${stats.type} ${stats.kind} ${member}`;
          sums[name] = (sums[name] ?? 0) + stats[member];
        }
      }
    }
    return sums;
  }

  stop() {
    this.stream.getTracks().forEach((track) => track.stop());
    this.a.close();
    this.b.close();
  }
}
