// Monaco's workers are files of their own, built beside the page: a worker made
// from a blob would not inherit a policy that forbids it to reach other hosts.
globalThis.MonacoEnvironment = {
  getWorker: (_id, label) => new Worker(WORKERS[label] ?? WORKERS.editor),
};
