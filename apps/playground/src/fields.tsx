// Form fields of the parts: each has a label, and passes its text to `onChange`.
import type { ComponentChildren } from 'preact'
import { useLayoutEffect, useRef, useState } from 'preact/hooks'

interface FieldProps {
  readonly label: string
  readonly value: string
  readonly onChange: (value: string) => void
}

export function TextField({
  label,
  value,
  onChange,
  ...rest
}: FieldProps & { type?: string; min?: number; max?: number; step?: string; list?: string }) {
  return (
    <label>
      <span>{label}</span>
      <input {...rest} value={value} onInput={(event) => onChange(event.currentTarget.value)} />
    </label>
  )
}

export function Choice({
  label,
  value,
  onChange,
  options,
}: FieldProps & { options: readonly (readonly [value: string, text: string])[] }) {
  return (
    <label>
      <span>{label}</span>
      <select value={value} onChange={(event) => onChange(event.currentTarget.value)}>
        {options.map(([option, text]) => (
          <option key={option} value={option} selected={option === value}>
            {text}
          </option>
        ))}
      </select>
    </label>
  )
}

/**
 * Shows a chart of @kumiki/report, which escapes the texts in its SVG. It is drawn at the width that the page has for
 * it: a wide one that is scaled down to a phone cannot be read.
 * @param widest pixels; a chart is not drawn wider
 * @param draw from 240 pixels on, the narrowest that charts can be
 */
export function Picture({ widest, draw }: { widest: number; draw: (width: number) => string }) {
  const place = useRef<HTMLDivElement>(null)
  const [room, setRoom] = useState(0)
  useLayoutEffect(() => {
    const measure = () => setRoom(Math.floor(place.current!.clientWidth))
    measure()
    const observer = new ResizeObserver(measure)
    observer.observe(place.current!)
    return () => observer.disconnect()
  }, [])
  const svg = room === 0 ? '' : draw(Math.max(240, Math.min(room, widest)))
  return <div ref={place} class="picture" dangerouslySetInnerHTML={{ __html: svg }} />
}

export const Fields = ({ children }: { children: ComponentChildren }) => <div class="fields">{children}</div>

/**
 * A region that scrolls horizontally on narrow pages. It is focusable and labelled, so that the keyboard scrolls it
 * too.
 */
export const Scroll = ({ label, children }: { label: string; children: ComponentChildren }) => (
  // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard (WCAG 2.1.1)
  <section class="scroll" aria-label={label} tabIndex={0}>
    {children}
  </section>
)
