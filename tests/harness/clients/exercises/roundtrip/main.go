// Read a gauge from JSON into the type of the client, and write it again.
package main

import (
	"encoding/json"
	"os"

	client "github.com/GIT_USER_ID/GIT_REPO_ID"
)

func main() {
	gauge := client.GaugeRead{}
	if err := json.NewDecoder(os.Stdin).Decode(&gauge); err != nil {
		panic(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(gauge); err != nil {
		panic(err)
	}
}
