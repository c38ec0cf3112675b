FROM Debian AS one
FROM scratch AS check
