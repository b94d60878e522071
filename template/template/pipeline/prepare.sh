#!/bin/sh
# Try an update of the template on a branch of its own: sh template/pipeline/prepare.sh DIRECTORY
# The directory gets update.txt and update.json; and where there is something new, what push.sh and its caller need:
# title, body.md and update.bundle. A refused update ends as `template update` does, with what it told in the log.
set -eu
directory=$1
branch=template-update
export GIT_AUTHOR_NAME="Template update" GIT_AUTHOR_EMAIL=update@template.invalid
export GIT_COMMITTER_NAME="$GIT_AUTHOR_NAME" GIT_COMMITTER_EMAIL="$GIT_AUTHOR_EMAIL"

mkdir -p "$directory"
ended=0
uv run template update --branch "$branch" --json >"$directory/update.json" 2>"$directory/update.txt" || ended=$?
cat "$directory/update.txt"
[ "$ended" -eq 0 ] || exit "$ended"

if git show-ref --verify --quiet "refs/heads/$branch"; then
    git log -1 --format=%s "$branch" >"$directory/title"
    python3 template/pipeline/describe.py "$directory/update.json" "$directory/body.md"
    git bundle create --quiet "$directory/update.bundle" "HEAD..$branch"
fi
