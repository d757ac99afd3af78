import { describe, expect, it } from "@jest/globals";
import { mavenProject, RECIPE, recipeHash } from "./recipe.ts";

describe("the recipe", () => {
  it("has another hash when anything in it changes", () => {
    const newer = { ...RECIPE, kafka: { ...RECIPE.kafka, version: "4.1.2" } };
    expect(recipeHash(RECIPE)).toMatch(/^[0-9a-f]{12}$/);
    expect(recipeHash(newer)).not.toBe(recipeHash(RECIPE));
  });

  it("pins the version of every program from Maven", () => {
    const project = mavenProject(RECIPE);
    expect(project).toContain("<artifactId>kafka_2.13</artifactId><version>4.1.1</version>");
    expect(project).toContain(
      "<artifactId>apicurio-registry-app</artifactId><version>3.3.3</version>",
    );
  });

  it("contains only Kafka if that is another version than in the root file system", () => {
    const { dependencyPluginVersion } = RECIPE;
    const kafka = { ...RECIPE.kafka, version: "3.7.2" };
    const project = mavenProject({ kafka, dependencyPluginVersion });
    expect(project).toContain("<artifactId>kafka_2.13</artifactId><version>3.7.2</version>");
    expect(project).not.toContain("apicurio");
  });
});
