"use strict";
// One process that forks a worker per configuration file, starts those again that end, and answers for their health.

const { fork } = require("node:child_process");
const fs = require("node:fs");
const http = require("node:http");
const path = require("node:path");
const pino = require("pino");

const RESTART_AFTER = 5000;
const log = pino();
const folder = process.env.CONFIG_DIR;
const workers = new Map();

function start(file) {
  const child = fork(path.join(__dirname, "worker.js"), [path.join(folder, file)]);
  const worker = { name: path.basename(file, ".json"), pid: child.pid, status: "running", lastHeartbeat: null };
  workers.set(file, worker);
  child.on("message", () => { worker.lastHeartbeat = new Date(); });
  child.on("exit", (code, signal) => {
    worker.status = "stopped";
    log.warn({ worker: worker.name, code, signal }, "worker ended");
    if (code !== 0) setTimeout(start, RESTART_AFTER, file);
  });
}

function health(_request, response) {
  const all = [...workers.values()];
  const healthy = all.every((worker) => worker.status === "running");
  response.writeHead(healthy ? 200 : 503, { "Content-Type": "application/json" });
  response.end(JSON.stringify({ status: healthy ? "healthy" : "degraded", workers: all, timestamp: new Date() }));
}

function stop() {
  for (const { pid, status } of workers.values()) if (status === "running") process.kill(pid, "SIGTERM");
  process.exit(0);
}

process.on("SIGTERM", stop);
process.on("SIGINT", stop);
http.createServer(health).listen(Number(process.env.PORT), "127.0.0.1");
fs.readdirSync(folder).filter((file) => file.endsWith(".json")).sort().forEach(start);
