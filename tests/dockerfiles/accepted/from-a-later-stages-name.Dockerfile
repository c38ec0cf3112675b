FROM later AS made
FROM scratch AS later
FROM scratch AS check
