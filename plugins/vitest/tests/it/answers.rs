//! A fixture and answers to it.

use llmbench_api::Project;

use crate::support::fixture;

pub(crate) const SPEC: &str = r#"
import { mount } from '@vue/test-utils'
import { describe, expect, it } from 'vitest'
import Component from './Component.vue'

describe('counter', () => {
  it('starts where it is told', () => {
    expect(mount(Component, { props: { start: 3 } }).text()).toBe('3')
  })
  it('counts up', async () => {
    const wrapper = mount(Component)
    await wrapper.trigger('click')
    expect(wrapper.text()).toBe('1')
  })
  it('tells the new value', async () => {
    const wrapper = mount(Component, { props: { start: 6 } })
    await wrapper.trigger('click')
    expect(wrapper.emitted('changed')).toEqual([[7]])
  })
})
"#;

pub(crate) const INPUT: &str = r#"<script>
export default {
  props: { start: { type: Number, default: 0 } },
  emits: ['changed'],
  data() {
    return { count: this.start }
  },
  methods: {
    add() {
      this.count += 1
      this.$emit('changed', this.count)
    },
  },
}
</script>
<template><button @click="add">{{ count }}</button></template>
"#;

pub(crate) const GOOD: &str = r#"<script setup lang="ts">
import { ref } from 'vue'
/* here */
const props = withDefaults(defineProps<{ start?: number }>(), { start: 0 })
const emit = defineEmits<{ changed: [value: number] }>()
const count = ref(props.start)

function add() {
  count.value += 1
  emit('changed', count.value)
}
</script>
<template><button @click="add">{{ count }}</button></template>
"#;

pub(crate) fn counter() -> Project {
    fixture(SPEC, INPUT)
}

/// The good answer with something more in its script.
pub(crate) fn with(code: &str) -> String {
    assert!(GOOD.contains("/* here */"));
    GOOD.replace("/* here */", code)
}

/// An answer that does nothing right and tries `code`.
pub(crate) fn wrong_with(code: &str) -> String {
    with(code).replace("{{ count }}", "nothing")
}
