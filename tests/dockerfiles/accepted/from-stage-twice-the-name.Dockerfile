FROM scratch AS made
FROM scratch AS made
FROM made
