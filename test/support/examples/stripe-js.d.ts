/** Of Stripe's own types for its script, what the example uses: nobody here installs a browser's package. */
declare module '@stripe/stripe-js' {
  export interface StripeElements {
    create(type: 'payment'): { mount(selector: string): void };
  }

  export interface Stripe {
    elements(options: { clientSecret: string }): StripeElements;
    confirmPayment(options: {
      elements: StripeElements;
      confirmParams: { return_url: string };
      redirect: 'if_required';
    }): Promise<{ error?: { message?: string } }>;
  }

  export type StripeConstructor = (publishableKey: string) => Stripe;
}
