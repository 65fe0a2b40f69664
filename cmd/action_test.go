package cmd

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"cfsverify/testdata/oracle"
)

type action struct {
	Inputs map[string]struct {
		Default  string
		Required bool
	}
	Outputs map[string]struct{ Value string }
	Runs    struct {
		Using string
		Steps []struct {
			ID, Uses, Run, Shell string
			Env, With            map[string]string
		}
	}
}

func readAction(t *testing.T) action {
	t.Helper()
	data, err := os.ReadFile("../action.yml")
	if err != nil {
		t.Fatal(err)
	}
	var a action
	if err := yaml.Unmarshal(data, &a); err != nil {
		t.Fatal(err)
	}
	return a
}

// TestAction runs the steps of the GitHub Action as a runner would.
func TestAction(t *testing.T) {
	for tool, pkg := range map[string]string{"bash": "bash", "jq": "jq"} {
		oracle.Tool(t, tool, pkg)
	}
	example, err := filepath.Abs("../testdata/example")
	if err != nil {
		t.Fatal(err)
	}
	temp := t.TempDir()
	for _, tt := range []struct {
		name            string
		inside, outside string
		args            string
		status          int
		equal           string // empty if there are no outputs
	}{
		{"different", example + "/inside.dump", example + "/image", "", statusDifferent, "false"},
		{"ignored", example + "/inside.dump", "oci:" + example + "/image", "-q --fail-on late-layers", statusSame, "false"},
		{"same", example + "/same.dump", example + "/image", "", statusSame, "true"},
		{"trouble", "--help", example + "/image", "", statusTrouble, ""},
		{"no command of the shell", "$(touch " + temp + "/ran)`touch " + temp + "/ran`", "; touch " + temp + "/ran", "", statusTrouble, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := runner{t: t, dir: t.TempDir(), temp: temp, action: readAction(t)}
			if strings.HasSuffix(tt.inside, "same.dump") {
				tt.inside = filepath.Join(r.dir, "same.dump")
				r.cfsverify("dump", "-o", tt.inside, tt.outside)
			}
			status := r.run(map[string]string{"inside": tt.inside, "outside": tt.outside, "args": tt.args})
			if status != tt.status {
				t.Errorf("status %d, want %d", status, tt.status)
			}
			outputs := r.file("output")
			if (tt.equal == "") != (outputs == "") || tt.equal != "" && !strings.Contains(outputs, "equal="+tt.equal+"\n") {
				t.Errorf("outputs %q", outputs)
			}
			if tt.equal != "" {
				if !strings.HasPrefix(r.file("summary"), "## ") {
					t.Errorf("summary %q", r.file("summary"))
				}
				for _, name := range []string{"digest-inside=", "digest-outside=", "report="} {
					if !strings.Contains(outputs, "\n"+name) && !strings.HasPrefix(outputs, name) {
						t.Errorf("there is no output %s: %q", name, outputs)
					}
				}
			}
		})
	}
	if _, err := os.Stat(filepath.Join(temp, "ran")); err == nil {
		t.Error("an input was run")
	}
}

// runner is a runner of GitHub Actions.
type runner struct {
	t         *testing.T
	dir, temp string
	action    action
}

func (r *runner) file(name string) string {
	data, err := os.ReadFile(filepath.Join(r.dir, name))
	if err != nil && !os.IsNotExist(err) {
		r.t.Fatal(err)
	}
	return string(data)
}

func (r *runner) cfsverify(args ...string) {
	r.t.Helper()
	if out, err := exec.Command("go", append([]string{"run", "./cfsverify"}, args...)...).CombinedOutput(); err != nil {
		r.t.Fatalf("%v\n%s", err, out)
	}
}

// run gives the exit status of the step that fails, 0 if none does.
func (r *runner) run(inputs map[string]string) int {
	r.t.Helper()
	source, err := filepath.Abs("..")
	if err != nil {
		r.t.Fatal(err)
	}
	for _, step := range r.action.Runs.Steps {
		if step.Run == "" {
			continue
		}
		c := exec.Command("bash", "-e", "-o", "pipefail", "-c", step.Run)
		c.Dir = r.dir
		c.Env = append(os.Environ(), "RUNNER_TEMP="+r.temp, "GITHUB_PATH="+r.dir+"/path", "GITHUB_OUTPUT="+r.dir+"/output", "GITHUB_STEP_SUMMARY="+r.dir+"/summary")
		for name, value := range step.Env {
			value = strings.ReplaceAll(value, "${{ github.action_path }}", source)
			for input, given := range r.action.Inputs {
				text, found := inputs[input]
				if !found {
					text = given.Default
				}
				if value == "${{ inputs."+input+" }}" {
					value = text
					break
				}
			}
			c.Env = append(c.Env, name+"="+value)
		}
		if out, err := c.CombinedOutput(); err != nil {
			if c.ProcessState == nil {
				r.t.Fatal(err)
			}
			r.t.Logf("%s", out)
			return c.ProcessState.ExitCode()
		}
	}
	return 0
}

// TestActionIsSafe: what somebody gives as an input is never a part of a script.
func TestActionIsSafe(t *testing.T) {
	a := readAction(t)
	if a.Runs.Using != "composite" {
		t.Errorf("using %q", a.Runs.Using)
	}
	for _, step := range a.Runs.Steps {
		if strings.Contains(step.Run, "${{") {
			t.Errorf("an expression in a script: %s", step.Run)
		}
	}
	want := map[string]bool{"equal": true, "digest-inside": true, "digest-outside": true, "report": true}
	got := map[string]bool{}
	for name := range a.Outputs {
		got[name] = true
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
