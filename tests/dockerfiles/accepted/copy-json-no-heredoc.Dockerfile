FROM scratch AS made
COPY ["<<EOF", "/x"]
ENV A=1
FROM scratch AS check
