import ws from 'k6/ws';

export default function() {
  const url = 'ws://localhost:8000/ws/terminal/load-test';
  ws.connect(url, function(socket) {
    socket.on('open', () => {
      socket.send(JSON.stringify({type: 'input', data: 'ls\n'}));
    });
  });
}
