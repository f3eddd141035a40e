"use strict";
// One sync: asks both projects what changed, gives issues in a rule's status a counterpart, remembers the pair.
// It is as frugal as can be, so that what is measured is what the platform and the two drivers cost.

const fs = require("node:fs");
const http = require("node:http");
const path = require("node:path");
const axios = require("axios");
const { MongoClient } = require("mongodb");
const pino = require("pino");

const BEAT_EVERY = 30000;
const sync = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
const marks = process.env.MARKS_DIR;
const log = pino({ base: { sync: sync.name } });
const jira = axios.create({
  baseURL: `${sync.jira.baseUrl}/rest/api/2`,
  auth: { username: sync.jira.email, password: sync.jira.apiToken },
  httpAgent: new http.Agent({ keepAlive: true }),
});

async function search(project, since) {
  const jql = `project = ${project} AND updated >= ${since} ORDER BY updated ASC`;
  const fields = ["summary", "status", "updated", "description"];
  const answer = await jira.post("/search/jql", { jql, maxResults: 50, fields });
  return answer.data.issues;
}

async function create(database, issue) {
  const rule = sync.rules.find((each) => each.sourceStatus === issue.fields.status.name && each.actions.createIssue);
  const mapping = database.collection("jira_mapping");
  if (!rule || (await mapping.findOne({ user_issue_key: issue.key }))) return;
  const fields = { project: { key: sync.devProjectKey }, issuetype: { name: "Bug" }, summary: issue.fields.summary };
  const made = await jira.post("/issue", { fields });
  await mapping.insertOne({ user_issue_key: issue.key, dev_issue_key: made.data.key, created_at: new Date() });
  await jira.post(`/issue/${issue.key}/comment`, { body: rule.actions.commentTemplate.replace("${targetKey}", made.data.key) });
  log.info({ source: issue.key, target: made.data.key }, "action.createIssue");
}

async function remember(database, project, issues) {
  const states = database.collection(project);
  for (const issue of issues) {
    const state = { status: issue.fields.status.name, updated_at: new Date() };
    await states.updateOne({ issue_key: issue.key }, { $set: state }, { upsert: true });
  }
}

async function cycle(database) {
  const states = database.collection("sync_state");
  const last = await states.findOne({ name: sync.name });
  const since = last ? last.last_sync.getTime() - 60000 : 0;
  const users = await search(sync.userProjectKey, since);
  for (const issue of users) await create(database, issue);
  const devs = await search(sync.devProjectKey, since);
  await remember(database, "user_project_issue_state", users);
  await remember(database, "dev_project_issue_state", devs);
  await states.updateOne({ name: sync.name }, { $set: { last_sync: new Date() } }, { upsert: true });
  log.info({ issuesFetched: users.length + devs.length }, "sync.cycle.completed");
}

async function main() {
  const projects = [sync.userProjectKey, sync.devProjectKey];
  await Promise.all([jira.get("/myself"), ...projects.map((key) => jira.get(`/project/${key}`))]);
  const client = await new MongoClient(process.env.DATABASE_URL).connect();
  const database = client.db(sync.name);
  await database.collection("jira_mapping").createIndex({ user_issue_key: 1 }, { unique: true });
  await database.collection("jira_mapping").createIndex({ dev_issue_key: 1 }, { unique: true });
  for (const name of ["user_project_issue_state", "dev_project_issue_state"]) {
    await database.collection(name).createIndex({ issue_key: 1 }, { unique: true });
  }
  process.send?.({ type: "heartbeat" });
  setInterval(() => process.send?.({ type: "heartbeat" }), BEAT_EVERY);
  for (let count = 0; ; count += 1) {
    fs.writeFileSync(path.join(marks, sync.name), `${process.pid} ${count}`);
    if (count) await new Promise((resume) => setTimeout(resume, sync.syncIntervalMinutes * 60000));
    await cycle(database).catch((error) => log.error({ err: error }, "cycle failed"));
  }
}

main().catch((error) => {
  log.error({ err: error }, "worker failed");
  process.exit(1);
});
