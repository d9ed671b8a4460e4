// Holds custom resources against the schemas of their CRDs: a JSON list on standard input, complaints on standard output.
//   node check.mjs NODE_MODULES < objects.json
import { join } from "node:path";
import { pathToFileURL } from "node:url";

// By file, since a package is looked for beside this file, and these are not there.
const load = (path) => import(pathToFileURL(join(process.argv[2], `${path}.js`)));
const PACKAGES = {
  "monitoring.coreos.com/v1": "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1",
  "gateway.networking.k8s.io/v1": "@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1",
};

let text = "";
for await (const chunk of process.stdin) text += chunk;
const complaints = [];
for (const object of JSON.parse(text)) {
  const model = (await load(`${PACKAGES[object.apiVersion]}/${object.kind}`))[object.kind];
  try {
    new model(object).validate();
  } catch (error) {
    complaints.push(`${object.kind} ${object.metadata.name}: ${error.message}`);
  }
}
process.stdout.write(JSON.stringify(complaints));
