#!/bin/sh
# Roll out an image: sh deploy/kubernetes/rollout.sh production registry.example.com/shop:1
# Applies settings and policies, then the migration, then the pods. If the migration fails, the old pods continue.
set -eu
overlay="$(dirname "$0")/overlays/$1"
image=$2
namespace=$(sed -n 's/^namespace: //p' "$overlay/kustomization.yaml" | tr -d '"')
manifests=$(mktemp)
trap 'rm -f "$manifests"' EXIT

kubectl kustomize "$overlay" | sed "s|^\( *\(- \)\{0,1\}image:\) app\$|\1 $image|" >"$manifests"

kubectl apply --filename "$manifests" --selector '!app.kubernetes.io/component'

if grep -q '^kind: Job$' "$manifests"; then
    kubectl delete job migrate --namespace "$namespace" --ignore-not-found
    kubectl apply --filename "$manifests" --selector app.kubernetes.io/component=migrate
    left=150 # polls of five seconds; the Job's own deadline is shorter
    until kubectl wait job/migrate --namespace "$namespace" --for condition=complete --timeout 5s 2>/dev/null; do
        left=$((left - 1))
        if [ "$left" -eq 0 ] || kubectl wait job/migrate --namespace "$namespace" --for condition=failed --timeout 0; then
            kubectl logs job/migrate --namespace "$namespace" --tail 50
            exit 1
        fi
    done
fi

kubectl apply --filename "$manifests"
for deployment in $(kubectl get deployments --namespace "$namespace" --output name); do
    kubectl rollout status "$deployment" --namespace "$namespace" --timeout 10m
done
