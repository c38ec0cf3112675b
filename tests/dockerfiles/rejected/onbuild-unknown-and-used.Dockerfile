FROM scratch AS one
ONBUILD SOMETHING else
FROM one
