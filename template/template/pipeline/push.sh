#!/bin/sh
# Push what prepare.sh left in a directory: sh template/pipeline/push.sh DIRECTORY [OPTION OF git push ...]
# It looks for conflicts itself, and pushes none; nor does it push over what somebody else has committed there.
set -eu
directory=$1
shift
branch=template-update
ours=update@template.invalid

git fetch --quiet "$directory/update.bundle" "+refs/heads/$branch:refs/heads/$branch"

if git diff --text HEAD "$branch" | grep -E '^\+(<{7}|>{7}) '; then
    echo "These lines are conflicts that nobody has solved: nothing is pushed." >&2
    exit 1
fi

if git ls-remote --exit-code origin "refs/heads/$branch" >/dev/null; then
    git fetch --quiet origin "+refs/heads/$branch:refs/remotes/origin/$branch"
    others=$(git log --format='%ce %h %s' "HEAD..refs/remotes/origin/$branch" | grep -v "^$ours " || true)
    if [ -n "$others" ]; then
        printf '%s\n' "$others" "These commits on $branch are somebody's: merge it or delete it first." >&2
        exit 1
    fi
fi

git push --force "$@" origin "refs/heads/$branch"
