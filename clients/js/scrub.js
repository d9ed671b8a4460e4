/**
 * What may leave the page. SDP, addresses, ports, device labels, user names, credentials and error texts stay.
 *
 * Of an event goes what is known to be harmless: methods, members and words that are in these lists. What an
 * application itself traces as ':name' is its own.
 */

/** Methods whose value is told, as far as the rest allows. */
const METHODS = /^(create($|Offer|Answer)|set([LR]|Conf)|add[IT]|replace|on(ice|track|.*state)|navi|Media)|OnFailure$/;
/** Members of such a value. */
const MEMBERS = /^(type|kind|id|audio|video|iceServers|iceTransportPolicy|iceRestart|errorCode|relayProtocol)$/;
/** One word: a state, an id, a codec. Blanks and colons are in labels, URLs and addresses; the rest is IPv4. */
const WORD = /^(?!\d+\.\d+\.)[\w/{}+=.~-]{0,128}$/;

export const isObject = (value) => value && typeof value === 'object';

/** Of a server its scheme and the way to it. */
const address = (url) => String(url).replace(/^((?:stun|turn)s?:)?.*?(\?transport=\w+)?$/s, '$1$2');

function scrub(value, name) {
  if (Array.isArray(value)) {
    // [kind, id, label, ...streams] is a track.
    return value.map((item) => scrub(item)).filter((item, index) => index < 2 || isObject(item));
  }
  if (isObject(value)) {
    const kept = {};
    for (const key in value) {
      if (MEMBERS.test(key)) kept[key] = scrub(value[key], key);
      if (key === 'url') kept.url = address(value.url);
      if (key === 'urls') kept.urls = [value.urls].flat().map(address);
      // Of a candidate its protocol and type.
      if (key === 'candidate') kept.candidate = String(value.candidate)
        .replace(/^(?:.*? (udp|tcp|ssltcp) .*? typ (\w+))?.*$/is, 'candidate:0 1 $1 0 - 0 typ $2');
    }
    return kept;
  }
  if (typeof value !== 'string') return value;
  const word = name ? value : value.split(':')[0]; // "NotAllowedError: and what the browser has to say"
  return WORD.test(word) ? word : null;
}

/** The value of an event, and what comes with it. */
export const scrubEvent = (method, value, extra) =>
  [method[0] === ':' ? value : METHODS.test(method) ? scrub(value) : null, ...extra.map((item) => scrub(item, 'id'))];

/** Members of a report that stay, by the W3C's name or by the code of rtcstats-js; certificates are no words. */
const PRIVATE = /^(115|122|134|135|138|14[123]|label|.*sernameFragment|.*ddress|ip|.*[pP]ort|url)$/;

function members(all) {
  if (typeof all === 'string') return WORD.test(all) ? all : undefined;
  if (!isObject(all)) return all;
  const kept = {};
  for (const key in all) if (!PRIVATE.test(key) && !Array.isArray(all[key])) kept[key] = members(all[key]);
  return kept;
}

/** A report without what is private: {id: members, or null where it is gone; t: time}. */
export function scrubStats(stats) {
  const kept = {};
  for (const id in stats) kept[id] = members(stats[id]);
  return kept;
}
