// tauri-dashboard/src/lib/terminal/WebSocketTerminal.ts
import { Terminal } from 'xterm';
import { WebSocketAddon } from 'xterm-addon-websocket';

export class WebSocketTerminal {
  private terminal: Terminal;
  private ws: WebSocket;
  
  constructor(container: HTMLElement, sessionId: string) {
    this.terminal = new Terminal({
      cursorBlink: true,
      fontSize: 14,
      theme: {
        background: '#1e1e1e',
        foreground: '#d4d4d4'
      }
    });
    
    this.terminal.open(container);
    this.connectWebSocket(sessionId);
  }
  
  private connectWebSocket(sessionId: string) {
    const wsUrl = `ws://localhost:8000/ws/terminal/${sessionId}`;
    this.ws = new WebSocket(wsUrl);
    
    this.ws.onmessage = (event) => {
      const message = JSON.parse(event.data);
      if (message.type === 'output') {
        this.terminal.write(message.data);
      }
    };
    
    this.terminal.onData((data) => {
      this.ws.send(JSON.stringify({
        type: 'input',
        data: data
      }));
    });
  }
}
