#!/bin/sh
# Logs in with curl: `login.sh URL NAME JAR`. Prints the last page; the jar then has the session.
set -eu
url=$1 name=$2 jar=$3
browser="curl -sS -L -b $jar -c $jar -H Accept:text/html"
page=$($browser "$url")
for body in "prompt=login&login=$name&password=x" "prompt=consent"; do
  form=$(printf %s "$page" | sed -n 's/.*action="\([^"]*\)".*/\1/p' | head -n 1)
  [ -n "$form" ] || break
  page=$($browser -d "$body" "$form")
done
printf '%s\n' "$page"
