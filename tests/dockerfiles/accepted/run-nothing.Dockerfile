FROM scratch AS made
RUN
FROM scratch AS check
