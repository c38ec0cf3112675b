FROM scratch AS made
RUN <<E"N"D
$x
END
FROM scratch AS check
