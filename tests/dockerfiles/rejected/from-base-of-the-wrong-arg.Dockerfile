FROM scratch AS one
ARG BASE=one
FROM $BASE
