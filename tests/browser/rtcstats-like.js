/**
 * Traces a peer connection with frames as rtcstats-js makes them: compact ids, codes for members, only what changed.
 *
 * Written from the description of the format; rtcstats-js itself is in no registry that the tests can reach.
 */
export function watch(trace, pc, peer, codes) {
  const ids = {};
  let before = {};
  const idOf = (id) => ids[id] ??= String(Object.keys(ids).length);

  trace('create', peer, {iceServers: [{urls: ['turn:turn.example?transport=udp', 'stun:alice.example'], username: 'alice'}]});
  for (const state of ['connectionState', 'iceConnectionState', 'iceGatheringState', 'signalingState']) {
    pc.addEventListener(`${state.toLowerCase()}change`, () => trace(`on${state.toLowerCase()}change`, peer, pc[state]));
  }
  pc.addEventListener('icecandidate', ({candidate}) => trace('onicecandidate', peer, candidate));
  for (const method of ['setLocalDescription', 'setRemoteDescription']) {
    const native = pc[method].bind(pc);
    pc[method] = async (description) => {
      trace(method, peer, description, '6-0');
      await native(description);
      trace(`${method}OnSuccess`, peer, undefined, '6-0');
    };
  }

  return {
    async report() {
      const after = Object.fromEntries([...await pc.getStats()].filter(([, {type}]) => type !== 'certificate'));
      const delta = {};
      const t = Math.max(...Object.values(after).map(({timestamp}) => timestamp));
      for (const id in after) idOf(id);
      for (const [id, stats] of Object.entries(after)) {
        const changes = {};
        for (const [name, value] of Object.entries(stats)) {
          if (name === 'id' || name === 'timestamp' || JSON.stringify(before[id]?.[name]) === JSON.stringify(value)) continue;
          if (name.endsWith('Id') && !ids[value]) continue;
          changes[codes[name] ?? name] = name.endsWith('Id') ? ids[value] : value;
        }
        if (stats.timestamp !== t && stats.timestamp !== before[id]?.timestamp) changes.t = stats.timestamp;
        if (Object.keys(changes).length) delta[ids[id]] = changes;
      }
      for (const id in before) if (!after[id]) delta[ids[id]] = null;
      delta.t = t;
      before = after;
      trace('getStats', peer, delta);
    },
  };
}
