import http from 'k6/http';
import ws from 'k6/ws';

export let options = {
  stages: [
    { duration: '30s', target: 100 },  // Ramp up
    { duration: '1m', target: 100 },   // Stay at 100
    { duration: '30s', target: 0 },    // Ramp down
  ],
  thresholds: {
    http_req_duration: ['p(99)<100'], // 99% of requests under 100ms
    ws_connecting: ['p(99)<500'],     // WebSocket connection under 500ms
  },
};
