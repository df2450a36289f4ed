// An echo server by ws: PORT of 127.0.0.1 on stdout. Runs until it is killed; two minutes at most.
// usage: echo_ws.js [--deflate] [CERTIFICATE KEY]
'use strict';
const fs = require('fs');
const http = require('http');
const https = require('https');
const { WebSocketServer } = require('ws');

const files = process.argv.slice(2).filter((argument) => argument !== '--deflate');
const deflate = process.argv.includes('--deflate');
const server = files.length === 2
  ? https.createServer({ cert: fs.readFileSync(files[0]), key: fs.readFileSync(files[1]) })
  : http.createServer();
const sockets = new WebSocketServer({ server, maxPayload: 2 ** 25, perMessageDeflate: deflate && { threshold: 0 } });
sockets.on('connection', (socket) => {
  socket.on('message', (data, binary) => socket.send(data, { binary }));
  socket.ping('from ws');
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
setTimeout(() => process.exit(1), 120000);
