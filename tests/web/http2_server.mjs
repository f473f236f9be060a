// An HTTP/2 server (nghttp2, through Node) with faults by path; one line of JSON for each request.
import { createSecureServer, constants } from "node:http2";
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const [certificate, key, allowHTTP1] = process.argv.slice(2);
const bomb = gzipSync(Buffer.alloc(50 << 20));
const server = createSecureServer({
  cert: readFileSync(certificate),
  key: readFileSync(key),
  allowHTTP1: allowHTTP1 === "http1",
  maxSendHeaderBlockLength: 1 << 20,
});
const served = new Map();
let sessions = 0;

const answers = {
  "/": (stream) => {
    stream.respond({ ":status": 200, "content-type": "text/html", "set-cookie": ["a=1", "b=2"], "x-name": "one" });
    stream.end("<p>hello over two</p>");
  },
  "/big": (stream) => {
    stream.respond({ ":status": 200 });
    stream.end(Buffer.alloc(3_000_000, "x"));
  },
  "/early-hints": (stream) => {
    stream.additionalHeaders({ ":status": 103, link: "</a>; rel=preload" });
    stream.respond({ ":status": 200 });
    stream.end("after hints");
  },
  "/trailers": (stream) => {
    stream.respond({ ":status": 200 }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "x-after": "all" }));
    stream.end("then trailers");
  },
  "/moved": (stream) => stream.respond({ ":status": 302, location: "/" }, { endStream: true }),
  "/loop": (stream) => stream.respond({ ":status": 301, location: "/loop" }, { endStream: true }),
  "/inward": (stream) =>
    stream.respond({ ":status": 302, location: "https://127.0.0.1/" }, { endStream: true }),
  "/cut": (stream) => {
    stream.respond({ ":status": 200 });
    stream.write("half of");
    setTimeout(() => stream.destroy(new Error("cut")), 20);
  },
  "/gone": (stream) => {
    stream.respond({ ":status": 200 });
    stream.write("half of");
    setTimeout(() => stream.session.destroy(), 20);
  },
  "/silent": () => {},
  "/trickle": (stream) => {
    stream.respond({ ":status": 200 });
    const timer = setInterval(() => stream.write("."), 20);
    stream.on("close", () => clearInterval(timer));
  },
  "/endless": (stream) => {
    stream.respond({ ":status": 200 });
    const more = () => {
      while (!stream.destroyed && stream.write(Buffer.alloc(16_384, "m")));
    };
    stream.on("drain", more);
    more();
  },
  "/short": (stream) => {
    stream.respond({ ":status": 200, "content-length": 500 });
    stream.end("only this");
  },
  "/long": (stream) => {
    stream.respond({ ":status": 200, "content-length": 3 });
    stream.end("more than three");
  },
  "/bomb": (stream) => {
    stream.respond({ ":status": 200, "content-encoding": "gzip" });
    stream.end(bomb);
  },
  "/wide": (stream) => stream.respond({ ":status": 200, "x-big": "a".repeat(100_000) }, { endStream: true }),
  "/many": (stream) => {
    const headers = { ":status": 200 };
    for (let n = 0; n < 500; n++) headers[`x-${n}`] = "a";
    stream.respond(headers, { endStream: true });
  },
  "/refused-once": (stream) =>
    served.get("/refused-once") === 1
      ? stream.close(constants.NGHTTP2_REFUSED_STREAM)
      : stream.respond({ ":status": 200 }, { endStream: true }),
  "/refused": (stream) => stream.close(constants.NGHTTP2_REFUSED_STREAM),
  "/old-please": (stream) => stream.close(constants.NGHTTP2_HTTP_1_1_REQUIRED),
  "/then-close": (stream) => {
    stream.respond({ ":status": 200 });
    const { session } = stream;
    stream.end("bye");
    stream.on("close", () => setTimeout(() => session.close(), 5));
  },
};

server.on("session", (session) => {
  sessions += 1;
  session.on("error", () => {});
});
server.on("stream", (stream, headers) => {
  const path = headers[":path"];
  served.set(path, (served.get(path) ?? 0) + 1);
  console.log(JSON.stringify({ path, sessions, headers }));
  stream.on("error", () => {});
  const answer = answers[path];
  if (answer) answer(stream);
  else stream.respond({ ":status": 404 }, { endStream: true });
});
if (allowHTTP1 === "http1")
  server.on("request", (request, response) => {
    if (request.httpVersionMajor === 2) return;
    console.log(JSON.stringify({ path: request.url, old: true }));
    response.statusCode = request.url === "/robots.txt" ? 404 : 200;
    response.end("hello over one");
  });
server.on("sessionError", () => {});
server.listen(0, "127.0.0.1", () => console.log(JSON.stringify({ port: server.address().port })));
