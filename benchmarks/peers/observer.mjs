// observer-js in process: the samples of a file, one a line, by so many clients; prints what parsing them and accepting
// them took, in µs of processor time each.  No network is in it, and no monitor listens.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const [folder, file, number] = process.argv.slice(2);
const { createObserver } = createRequire(`${folder}/`)("@observertc/observer-js");

// The first are not counted: until then the compiler of Node.js is at work.
const WARM = 10;
const clients = Number(number);
const lines = readFileSync(file, "utf8").trim().split("\n");
const observer = createObserver({ defaultServiceId: "benchmark", defaultMediaUnitId: "benchmark" });
const crowd = Array.from({ length: clients }, (_, place) => {
  const callId = `session-${place >> 1}`;
  const call =
    observer.observedCalls.get(callId) ?? observer.createObservedCall({ roomId: callId, callId, appData: {} });
  return call.createClient({ clientId: `participant-${place}`, mediaUnitId: "benchmark", appData: {} });
});

let parsing = 0;
let accepting = 0;
for (const [turn, line] of lines.entries()) {
  if (turn === WARM) parsing = accepting = 0;
  let began = process.cpuUsage();
  const samples = crowd.map(() => JSON.parse(line));
  let spent = process.cpuUsage(began);
  parsing += spent.user + spent.system;
  began = process.cpuUsage();
  for (const [place, sample] of samples.entries()) crowd[place].accept(sample);
  spent = process.cpuUsage(began);
  accepting += spent.user + spent.system;
}
const each = (lines.length - WARM) * clients;
const seen = crowd.every((client) => client.acceptedSamples === lines.length);
const inbound = [...crowd[0].peerConnections.values()].map((one) => one.inboundVideoTracks.size);
console.log(JSON.stringify({ parsing: parsing / each, accepting: accepting / each, seen, inbound }));
process.exit(0);
