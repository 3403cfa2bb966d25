// Reads one DICOM file with dcmjs and prints as JSON what it understood: node read.cjs FILE
"use strict";
const fs = require("fs");
const dcmjs = require("dcmjs");
dcmjs.log.setLevel("error");

const { DicomMessage, DicomMetaDictionary, BitArray } = dcmjs.data;

function listed(value) {
  return value === undefined ? [] : Array.isArray(value) ? value : [value];
}

function coded(sequence) {
  const [code] = listed(sequence);
  return code && { value: code.CodeValue, scheme: code.CodingSchemeDesignator, meaning: code.CodeMeaning };
}

function readSegmentation(dataset) {
  const size = dataset.Rows * dataset.Columns;
  const stored = dataset.PixelData instanceof Array ? dataset.PixelData[0] : dataset.PixelData;
  const bits = dataset.BitsAllocated === 1 ? BitArray.unpack(stored) : new Uint8Array(stored);
  const set = {};
  const frames = listed(dataset.PerFrameFunctionalGroupsSequence);
  frames.forEach((frame, n) => {
    const [segment] = listed(frame.SegmentIdentificationSequence);
    for (let i = n * size; i < (n + 1) * size; i++) {
      if (bits[i]) {
        const number = dataset.BitsAllocated === 1 ? segment.ReferencedSegmentNumber : bits[i];
        set[number] = (set[number] || 0) + 1;
      }
    }
  });
  return {
    frames: frames.length,
    segments: listed(dataset.SegmentSequence).map((segment) => ({
      number: segment.SegmentNumber,
      label: segment.SegmentLabel,
      tracking: segment.TrackingUID || null,
      type: coded(segment.SegmentedPropertyTypeCodeSequence),
      voxels: set[segment.SegmentNumber] || 0,
    })),
  };
}

function readItem(item) {
  const [measured] = listed(item.MeasuredValueSequence);
  return {
    type: item.ValueType,
    name: coded(item.ConceptNameCodeSequence),
    code: coded(item.ConceptCodeSequence),
    text: item.TextValue,
    uid: item.UID,
    number: measured && Number(listed(measured.NumericValue)[0]),
    unit: measured && coded(measured.MeasurementUnitsCodeSequence),
    items: listed(item.ContentSequence).map(readItem),
  };
}

const buffer = fs.readFileSync(process.argv[2]);
const message = DicomMessage.readFile(
  buffer.buffer.slice(buffer.byteOffset, buffer.byteOffset + buffer.byteLength),
);
const dataset = DicomMetaDictionary.naturalizeDataset(message.dict);
const said = { modality: dataset.Modality, patient: String(dataset.PatientID || "") };
if (dataset.Modality === "SEG") {
  Object.assign(said, readSegmentation(dataset));
} else {
  said.items = listed(dataset.ContentSequence).map(readItem);
}
process.stdout.write(JSON.stringify(said));
