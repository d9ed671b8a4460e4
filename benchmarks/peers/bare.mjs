// The bare floor of Node.js: a server that only counts the frames that it receives.
import { createRequire } from "node:module";

const { WebSocketServer } = createRequire(`${process.argv[2]}/`)("ws");

let frames = 0;
const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false, backlog: 2048 }, () =>
  console.log(`listening at 127.0.0.1:${server.address().port}`),
);
server.on("connection", (socket) => socket.on("message", () => (frames += 1)));
process.on("SIGTERM", () => process.exit(frames > 0 ? 0 : 1));
