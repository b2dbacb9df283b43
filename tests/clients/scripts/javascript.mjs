// One round with @huggingface/hub: create, upload (small, empty and large over Xet), list, read, ranges, a pull
// request, delete. Reads JSON from its first argument, ends with a line of JSON.
import { createHash } from "node:crypto";
import {
  commit, createRepo, deleteRepo, downloadFile, fileDownloadInfo, fileExists, listCommits, listFiles, listModels,
  modelInfo, repoExists, snapshotDownload, uploadFiles, whoAmI,
} from "@huggingface/hub";

const { repo, token, hub, large_bytes, use_xet, cache } = JSON.parse(process.argv[2]);
const access = { repo, accessToken: token, hubUrl: hub };
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
const read = async (path, more = {}) => {
  const blob = await downloadFile({ ...access, path, ...more });
  return Buffer.from(await blob.arrayBuffer());
};
const all = async (items) => {
  const found = [];
  for await (const item of items) found.push(item);
  return found;
};

const large = Buffer.alloc(large_bytes);
let state = 12345;
for (let place = 0; place < large.length; place += 4) {
  state = (Math.imul(state, 1103515245) + 12345) >>> 0;
  large.writeUInt32LE(state, place);
}
const said = { user: (await whoAmI({ accessToken: token, hubUrl: hub })).name };

await createRepo({ ...access, private: true });
const uploaded = await uploadFiles({
  ...access,
  useXet: use_xet,
  files: [
    { path: "README.md", content: new Blob(["---\ntags: [javascript]\n---\n# Hello"]) },
    { path: "empty.txt", content: new Blob([]) },
    { path: "folder/weights.bin", content: new Blob([large]) },
  ],
});
said.commit = uploaded.commit.oid;
said.files = (await all(listFiles({ ...access, recursive: true }))).filter((file) => file.type === "file")
  .map((file) => [file.path, file.size]).sort();
said.readme = (await read("README.md")).toString();
said.empty = (await read("empty.txt")).length;
said.sent = sha256(large);
said.plain = sha256(await read("folder/weights.bin", { xet: false }));
said.xet = sha256(await read("folder/weights.bin", { xet: true }));
const info = await fileDownloadInfo({ ...access, path: "folder/weights.bin" });
said.size = info.size;
said.in_chunks = info.xet !== undefined;
const cut = await downloadFile({ ...access, path: "folder/weights.bin", xet: true });
const [from, to] = [1_000_001, 7_654_321];
said.slice = sha256(Buffer.from(await cut.slice(from, to).arrayBuffer())) === sha256(large.subarray(from, to));
said.exists = [await fileExists({ ...access, path: "README.md" }), await fileExists({ ...access, path: "none" })];
said.tags = (await modelInfo({ name: repo, accessToken: token, hubUrl: hub, additionalFields: ["tags"] })).tags;
said.listed = (await all(listModels({ search: { owner: said.user }, accessToken: token, hubUrl: hub })))
  .some((model) => model.name === repo);
const proposed = await commit({
  ...access,
  title: "Say more",
  isPullRequest: true,
  operations: [{ operation: "addOrUpdate", path: "more.txt", content: new Blob(["more"]) }],
});
said.pull_request = new URL(proposed.pullRequestUrl).pathname;
await commit({ ...access, title: "Less", operations: [{ operation: "delete", path: "empty.txt" }] });
said.history = (await all(listCommits({ ...access }))).map((one) => one.title);
said.snapshot = (await snapshotDownload({ ...access, cacheDir: cache })).includes("snapshots");
await deleteRepo({ ...access });
said.gone = !(await repoExists({ ...access }));
console.log(JSON.stringify(said));
