package reports

import (
	"encoding/json"
	"io"
)

type jsonPrediction struct {
	SchemaVersion int          `json:"schemaVersion"`
	Same          bool         `json:"same"`
	Recipe        jsonRecipe   `json:"recipe"`
	Image         jsonSide     `json:"image"`
	Engines       []jsonEngine `json:"engines"`
}

type jsonEngine struct {
	Engine      string           `json:"engine"`
	Refusal     string           `json:"refusal,omitempty"`
	UnpackTime  jsonTime         `json:"unpackTime"`
	Differences []jsonDifference `json:"differences"`
	Findings    []jsonFinding    `json:"findings"`
	Flags       []jsonFlag       `json:"flags"`
	Masked      *jsonMasked      `json:"masked,omitempty"`
}

// PredictionJSON writes a prediction as one JSON document in the form that
// reports/prediction.schema.json describes.
func PredictionJSON(w io.Writer, p *Prediction) error {
	doc := jsonPrediction{
		SchemaVersion: SchemaVersion, Same: p.Same(), Recipe: recipeJSON(p.Recipe), Image: sideJSON(&p.Image), Engines: []jsonEngine{},
	}
	for _, e := range p.Engines {
		doc.Engines = append(doc.Engines, jsonEngine{
			Engine: e.Engine, Refusal: escape(e.Refusal), UnpackTime: jsonTime{e.UnpackTime.Sec, e.UnpackTime.Nsec},
			Differences: differencesJSON(e.Differences), Findings: findingsJSON(e.Findings), Flags: flagsJSON(e.Flags), Masked: maskedJSON(e.Masked),
		})
	}
	return writeJSON(w, doc)
}

func writeJSON(w io.Writer, doc any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(doc)
}
