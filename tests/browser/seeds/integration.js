describe('Terminal System Integration', () => {
  it('should handle complete session lifecycle', async () => {
    // Create session via API
    const response = await api.post('/api/terminal/sessions', {
      projectId: 'test-project'
    });
    
    const sessionId = response.data.session.id;
    
    // Connect WebSocket
    const ws = new WebSocket('ws://localhost:4001/terminal');
    await waitForConnection(ws);
    
    // Send command
    ws.send(JSON.stringify({
      type: 'send_input',
      sessionId,
      payload: 'echo "test"\n'
    }));
    
    // Verify output
    const output = await waitForMessage(ws, 'output');
    expect(output.payload).toContain('test');
    
    // Close session
    await api.delete(`/api/terminal/sessions/${sessionId}`);
  });
});
