package reports

import "cfsverify/canon/printable"

type jsonPrediction struct {
	SchemaVersion int          `json:"schemaVersion"`
	Same          bool         `json:"same"`
	Recipe        jsonRecipe   `json:"recipe"`
	Image         jsonSide     `json:"image"`
	Engines       []jsonEngine `json:"engines"`
	Notes         []jsonNote   `json:"notes"`
}

type jsonEngine struct {
	Engine      string           `json:"engine"`
	Refusal     string           `json:"refusal,omitempty"`
	UnpackTime  jsonTime         `json:"unpackTime"`
	Differences []jsonDifference `json:"differences"`
	LeftOut     int              `json:"leftOut,omitempty"`
	Findings    []jsonFinding    `json:"findings"`
	Flags       []jsonFlag       `json:"flags"`
	Masked      *jsonMasked      `json:"masked,omitempty"`
}

// json is in the form that prediction.schema.json describes.
func (p Prediction) json() any {
	doc := jsonPrediction{
		SchemaVersion: SchemaVersion, Same: p.Same(), Recipe: recipeJSON(p.Recipe, p.Rules), Image: sideJSON(&p.Image, p.Recipe), Engines: []jsonEngine{}, Notes: notesJSON(p.Notes),
	}
	differences := 0
	for _, e := range p.Engines {
		differences += len(e.Differences)
		shown := shownOf(e.Differences, e.Findings, differencesMax)
		doc.Engines = append(doc.Engines, jsonEngine{
			Engine: e.Engine, Refusal: printable.Text(errorText(e.Err)), UnpackTime: jsonTime{p.UnpackTime.Sec, p.UnpackTime.Nsec},
			Differences: differencesJSON(e.Differences, shown), LeftOut: shown.leftOut, Findings: findingsJSON(e.Findings, shown), Flags: flagsJSON(e.Remedies()),
			Masked: maskedJSON(e.Masked, differencesMax),
		})
	}
	return compactIfLong(doc, differences)
}
