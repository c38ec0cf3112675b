FROM scratch AS one
FROM scratch
COPY --from=$STAGE a /
